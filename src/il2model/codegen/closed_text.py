"""What needs no integration as LLVM text: observables along given or untreated courses.

One tape holds the observables as functions of the states, and the states of untreated
patients as functions of time. `write_closed` picks some observables and says which
states, inputs and times are given; all that they do not need falls away.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .elementary import elementary_functions
from .llvm_text import Text, function
from .tape import Node, Op, Tape

if TYPE_CHECKING:
    from ..model.model import Model

#: Subjects that are worked on together.
LANES = 8


@dataclass(frozen=True)
class ClosedForms:
    """The closed forms of a model on a tape.

    Parameters
    ----------
    tape : Tape
        Fixed leaves are the parameters; leaf `state` k is `names[k]`.
    names : tuple of str
        What can be given over time: states, inputs, and `time` in days.
    otherwise : {name: node}
        What each of them is where it is not given: a state its untreated course, an input its default;
        NaN where there is no closed form.
    observables : {id: node}
    """

    tape: Tape
    names: tuple[str, ...]
    otherwise: Mapping[str, Node]
    observables: Mapping[str, Node]

    @classmethod
    def of(cls, model: Model) -> ClosedForms:
        """Write the closed forms of a model to a tape."""
        from ..model.language import TIME

        tape, names = Tape(), (*model.states, *model.inputs, TIME.name)
        unknown = tape.const(math.nan)
        leaves = {name: tape.put(Op("fixed", (), k)) for k, name in enumerate(model.parameters)}
        for name, expr in model.constants.items():
            leaves[name] = tape.lower(expr, leaves)
        day = {TIME.name: tape.put(Op("state", (), names.index(TIME.name)))}
        start = {s: tape.lower(e, leaves) for s, e in model.baseline.items()}
        otherwise = {TIME.name: unknown}
        for s, course in model.untreated.items():
            otherwise[s] = unknown if course is None else tape.lower(course, leaves | start | day)
        otherwise |= {i: tape.const(v) for i, v in zip(model.inputs, model.input_defaults, strict=True)}
        leaves |= {name: tape.put(Op("state", (), k)) for k, name in enumerate(names)}
        for name, expr in model.derived.items():
            leaves[name] = tape.lower(expr, leaves)
        return cls(tape, names, otherwise, {o: tape.lower(e, leaves) for o, e in model.observables.items()})

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        ops = [[op.name, op.args, op.value] for op in self.tape.ops]
        return {"ops": ops, "names": self.names, "otherwise": self.otherwise, "observables": self.observables}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClosedForms:
        """Read what `to_dict` wrote."""
        tape = Tape()
        for name, args, value in data["ops"]:
            tape.put(Op(name, tuple(args), value))
        return cls(tape, tuple(data["names"]), data["otherwise"], data["observables"])

    def needs(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Return the states, inputs and times that observables are functions of."""
        reached = (self.tape.ops[n] for n in self.tape.reach(self.observables[i] for i in ids))
        return tuple(self.names[k] for k in sorted(int(op.value) for op in reached if op.name == "state"))

    def given(self, ids: Sequence[str], given: Sequence[str]) -> tuple[Tape, list[Node]]:
        """Return a tape on which leaf `state` k is `given[k]` and nothing else moves, and the observables on it."""
        tape, at = Tape(), dict[Node, Node]()
        join = {"add": tape.add, "sub": tape.sub, "mul": tape.mul, "div": tape.div, "pow": tape.power}
        results = [self.observables[i] for i in ids]
        # what a leaf is otherwise was written before the leaf
        for node in self.tape.reach([*results, *self.otherwise.values()]):
            op = self.tape.ops[node]
            if op.name == "state":
                name = self.names[int(op.value)]
                known = name in given
                at[node] = tape.put(Op("state", (), given.index(name))) if known else at[self.otherwise[name]]
            elif op.name in join:
                at[node] = join[op.name](at[op.args[0]], at[op.args[1]])
            else:
                at[node] = tape.put(Op(op.name, tuple(at[a] for a in op.args), op.value))
        return tape, [at[n] for n in results]


def write_closed(forms: ClosedForms, ids: Sequence[str], given: Sequence[str], parameters: int) -> str:
    """Return the text of `closed(p, x, out, subjects, times)`.

    Arrays are p (subject, parameter), x (given, time, subject) and out (observable, time, subject);
    there are at least `LANES` subjects.
    """
    tape, results = forms.given(ids, given)
    t = Text(LANES)
    values: dict[Node, str] = {}
    needed = tape.reach(results)
    for node in needed:
        if not tape.moving[node]:
            _write(t, tape.ops[node], node, values, "", parameters)
    i = t.op(f"mul i64 {t.begin_loop()}, %subjects")
    for node in needed:
        if tape.moving[node]:
            _write(t, tape.ops[node], node, values, i, parameters)
    for k, node in enumerate(results):
        t.lines.append(f"  store {t.type} {values[node]}, ptr {_place(t, '%out', k, i)}, align 8")
    t.end_loop("%times")
    arguments = "ptr noalias %p, ptr noalias %x, ptr noalias %out, i64 %subjects, i64 %course, i64 %times"
    return "\n".join(
        [
            f"declare {t.type} @llvm.fma.{t.suffix}({t.type}, {t.type}, {t.type})",
            elementary_functions(LANES, single=False),
            function(t, f"internal void @some({arguments})"),
            _SUBJECTS.format(lanes=LANES, parameters=parameters),
        ]
    )


def _place(t: Text, array: str, k: int, i: str) -> str:
    """Return where course k of an array is at the time of offset i."""
    return t.at(array, t.op(f"add i64 {t.op(f'mul i64 %course, {k}')}, {i}"))


def _gather(t: Text, column: int, parameters: int) -> str:
    """Return a parameter of all lanes."""
    value = "poison"
    for lane in range(t.lanes):
        one = t.op(f"load double, ptr {t.at('%p', lane * parameters + column)}")
        value = t.op(f"insertelement {t.type} {value}, double {one}, i32 {lane}")
    return value


def _write(t: Text, op: Op, node: Node, values: dict[Node, str], i: str, parameters: int) -> None:
    """Write one term; powers and logarithms are those of the plain text, also where their base is not positive."""
    a = [values[n] for n in op.args]
    if op.name == "const":
        values[node] = t.const(float(op.value))
    elif op.name == "fixed":
        values[node] = _gather(t, int(op.value), parameters)
    elif op.name == "state":
        values[node] = t.op(f"load {t.type}, ptr {_place(t, '%x', int(op.value), i)}, align 8")
    elif op.name == "pow":
        power = t.call("vexp", t.mul(a[1], t.call("vlog", a[0])))
        values[node] = t.choose("ogt", a[0], t.const(0.0), power, t.const(0.0))
    elif op.name == "log":
        none = t.choose("oeq", a[0], t.const(0.0), t.const(-math.inf), t.const(math.nan))
        values[node] = t.choose("ogt", a[0], t.const(0.0), t.call("vlog", a[0]), none)
    elif op.name == "exp":
        values[node] = t.call("vexp", a[0])
    else:
        values[node] = t.binary("f" + op.name, *a)


#: The last lanes begin where they end with the last subject: some subjects are worked on twice.
_SUBJECTS = """
define void @closed(ptr noalias %p, ptr noalias %x, ptr noalias %out, i64 %subjects, i64 %times) {{
entry:
  %course = mul i64 %times, %subjects
  %last = sub i64 %subjects, {lanes}
  br label %loop
loop:
  %n = phi i64 [ 0, %entry ], [ %next, %loop ]
  %over = icmp ugt i64 %n, %last
  %s = select i1 %over, i64 %last, i64 %n
  %a = mul i64 %s, {parameters}
  %ps = getelementptr inbounds double, ptr %p, i64 %a
  %xs = getelementptr inbounds double, ptr %x, i64 %s
  %os = getelementptr inbounds double, ptr %out, i64 %s
  call void @some(ptr %ps, ptr %xs, ptr %os, i64 %subjects, i64 %course, i64 %times)
  %next = add nuw nsw i64 %n, {lanes}
  %more = icmp ult i64 %next, %subjects
  br i1 %more, label %loop, label %done
done:
  ret void
}}
"""
