"""Every door to dosing records is one reader: what it reads, and what it refuses with file, line and record."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from il2model.cli.main import main
from il2model.dosing.regimen import Regimen
from il2model.errors import InputError
from il2model.exchange.nonmem import read_nonmem, to_nonmem

PLAIN = [(0.0, 2.0), (1.5, 0.5)]


def write(folder, content, name="doses.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def given(plan):
    return [(d.time, d.amount) for d in plan.doses]


FILES = {
    "commas": "time,amt\n0,2\n1.5,0.5\n",
    "no newline at the end": "time,amt\n0,2\n1.5,0.5",
    "CRLF": "time,amt\r\n0,2\r\n1.5,0.5\r\n",
    "CR": "time,amt\r0,2\r1.5,0.5\r",
    "byte order mark": "\ufefftime,amt\r\n0,2\r\n1.5,0.5\r\n",
    "byte order mark and quotes": '\ufeff"time","amt"\n"0","2"\n"1.5","0.5"\n',
    "tabs": "time\tamt\n0\t2\n1.5\t0.5\n",
    "tabs and decimal comma": "time\tamt\n0\t2\n1,5\t0,5\n",
    "semicolons and decimal comma": "\ufefftime;amt\r\n0;2\r\n1,5;0,5\r\n",
    "semicolons and decimal point": "time;amt\n0;2\n1.5;0.5\n",
    "blanks": "time amt\n  0   2\n  1.5 .5\n",
    "blanks around commas": "time , amt\n 0 , 2 \n1.5, 0.5\n",
    "blank lines, and those of a spreadsheet": "time,amt\n\n0,2\n,\n1.5,0.5\n\n",
    "columns of a spreadsheet without a name": "time,amt,,\n0,2,,\n1.5,0.5,,\n",
    "names after @": "@time,amt\n0,2\n1.5,0.5\n",
    "names after #, comments": "# time,amt\n#0,9\n0,2\n@ 1,9\n1.5,0.5\n",
    "NONMEM's table": "TABLE NO.  1\n TIME        AMT\n  0.0000E+00  2.0000E+00\n  1.5000E+00  5.0000E-01\n",
    "NONMEM's tables, names repeated": "TABLE NO. 1\n TIME AMT\n 0 2\nTABLE NO. 2\n TIME AMT\n 1.5 0.5\n",
    "comment column": "C,time,amt\n.,0,2\nC,1,9\n,1.5,0.5\n",
    "exponents of Fortran": "time,amt\n0,2D+00\n15d-1,5.E-1\n",
    "names in any case and order": "Amt,Time\n2,0\n0.5,1.5\n",
    "unused columns": "time,amt,sex,note,visit\n0,2,male,\"a, b\",2020-01-01\n1.5,0.5,.,?,-\n",
    "missing in the other codes": "time,amt,evid,ii,addl,rate,ss,cmt,mdv\n0,2,1,.,.,.,.,.,.\n1.5,0.5,1,NA,NA,,,,1\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_one_course_in_every_kind_of_file_and_door(tmp_path, kind):
    path = write(tmp_path, FILES[kind])
    assert given(Regimen.from_records(path)) == PLAIN


@pytest.mark.parametrize("kind", FILES)
def test_the_same_files_with_an_id_go_through_read_nonmem(tmp_path, kind):
    lines = FILES[kind].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    separator = next((s for s in ";\t," if s in "".join(lines)), " ")
    rows = [
        line if not line.strip(" ,") or line.startswith(("TABLE", "#0", "@ 1")) else f"{line}{separator}{id}"
        for line, id in zip(lines, ["ID" if "ime" in x.lower() else "7" for x in lines], strict=True)
    ]
    plans, _ = read_nonmem(write(tmp_path, "\n".join(rows))) if ",,ID" not in rows[0] else ({7: None}, None)
    assert list(plans) == [7]
    assert plans[7] is None or given(plans[7]) == PLAIN


def test_frames_mappings_rows_and_files_are_one_reader(tmp_path):
    text = "time,amt,evid,cmt,duration\n0,2,1,iv,0.5\n3,.,3,.,.\n4,1,4,2,.\n"
    path = write(tmp_path, text)
    frame = pd.read_csv(path, na_values=["."])
    rows = [{"time": 0, "amt": 2, "evid": 1, "cmt": "iv", "duration": 0.5}, {"time": 3, "evid": 3}]
    rows.append({"time": 4, "amt": 1, "evid": 4, "cmt": 2})
    plan = Regimen.from_records(path)
    assert [(d.route, d.duration, d.reset) for d in plan.doses] == [("iv", 0.5, False), ("iv", 0.0, True)]
    assert plan.resets == (3.0,)
    for source in (frame, frame.rename(columns=str.upper), frame.to_dict("list"), rows, iter(rows)):
        assert Regimen.from_records(source) == plan
    assert read_nonmem(frame.assign(ID=1))[0][1].doses == plan.doses


REFUSED = {
    "nothing": ("", "empty"),
    "a byte order mark alone": ("\ufeff\r\n", "empty"),
    "names alone": ("time,amt\n", "no record"),
    "no names": ("0,2\n1,2\n", r"line 1.*names of the columns.*'0'"),
    "too many fields": ("time,amt\n0,2\n1,2,\n", r"line 3.*3 fields.*2"),
    "too few fields": ("time,amt,ii\n0,2\n", r"line 2.*2 fields.*3"),
    "other separator in the rows": ("time,amt\n0;2\n", r"line 2.*1 field "),
    "an open quote": ('time,amt\n0,"2\n', r"line 2"),
    "not UTF-8": (b"time,amt,\xe4\n0,2,1\n", "line 1.*UTF-8"),
    "UTF-16": ("time,amt\n0,2\n".encode("utf-16"), "UTF-8"),
    "a spreadsheet": (b"PK\x03\x04....", "spreadsheet"),
    "no amount": ("time,amt,evid\n0,.,1\n", r"line 2, record 1: amt is '\.'"),
    "an empty amount": ("time,amt,evid\n0,2,1\n1,,1\n", r"line 3, record 2: amt is ''"),
    "amount NA": ("time,amt,evid\n0,NA,4\n", "amt is 'NA'"),
    "amount 0": ("time,amt,evid\n0,0,1\n", "amt is 0"),
    "amount 0 without evid": ("time,amt\n0,2\n1,0\n", "record 2: amt is 0"),
    "amount 0 for evid 4": ("time,amt,evid\n0,0,4\n", "amt is 0"),
    "amount below 0": ("time,amt\n0,-2\n", "zero or more"),
    "no column of amounts": ("time,evid\n0,1\n", "no column 'amt'"),
    "values alone": ("time,dv\n0,3\n", "hold no dose"),
    "resets alone": ("time,amt,evid\n0,0,3\n", "hold no dose"),
    "a column twice": ("time,amt,time\n0,2,5\n", "twice: 'time'"),
    "a column in two spellings": ("time,TIME,amt\n0,0,2\n", "twice: 'time' and 'TIME'"),
    "an unused column twice": ("time,amt,x,x\n0,2,1,2\n", "twice: 'x'"),
    "duration and its short name": ("time,amt,dur,duration\n0,2,1,1\n", "twice"),
    "a misspelled code": ("time,amt,adl,ii\n0,2,4,1\n", "'adl'.*'addl'"),
    "a column without a name": ("time,amt,\n0,2,7\n", "no name"),
    "calendar dates": ("date,time,amt\n2020-01-01,0,2\n", "calendar"),
    "another word for a route": ("time,amt,route\n0,2,iv\n", "cmt"),
    "another unit": ("time,amt,unit\n0,2,mg\n", "MIU"),
    "clock times": ("time,amt\n08:30,2\n", "clock"),
    "no time": ("time,amt\n.,2\n", "time is missing"),
    "text for a number": ("time,amt\nnoon,2\n", "'noon'"),
    "an underscore": ("time,amt\n0,1_0\n", "not a number"),
    "infinity": ("time,amt\n0,inf\n", "not a number"),
    "hexadecimal": ("time,amt\n0,0x2\n", "not a number"),
    "two decimal signs in one file": ("time;amt\n0,5;2\n1.5;2\n", "'1.5'"),
    "decimal comma in quotes between commas": ('time,amt\n"0,5",2\n', "not a number"),
    "a dose before 0": ("time,amt\n-1,2\n", "record 1.*before t = 0"),
    "a reset before 0": ("time,amt,evid\n-1,0,3\n0,2,1\n", "before t = 0"),
    "addl without ii": ("time,amt,addl\n0,2,3\n", "interval ii"),
    "ii without addl or ss": ("time,amt,addl,ii\n0,2,0,1\n", "ii is 1 without addl or ss"),
    "addl below 0": ("time,amt,addl,ii\n0,2,-1,1\n", "addl"),
    "addl of a half": ("time,amt,addl,ii\n0,2,1.5,1\n", "addl"),
    "ii below 0": ("time,amt,ii\n0,2,-1\n", "ii"),
    "ss without ii": ("time,amt,ss\n0,2,1\n", "interval ii"),
    "ss 2": ("time,amt,ss,ii\n0,2,2,1\n", "ss = 2 adds"),
    "ss 3": ("time,amt,ss,ii\n0,2,3,1\n", "say ss = 1"),
    "ss 4": ("time,amt,ss,ii\n0,2,4,1\n", "ss is 4"),
    "ss -1": ("time,amt,ss,ii\n0,2,-1,1\n", "ss is -1"),
    "an infusion without an end": ("time,amt,rate,ss\n0,0,5,1\n", "without an end"),
    "ss of overlapping infusions": ("time,amt,rate,ss,ii\n0,2,1,1,1\n", "within its interval"),
    "rate -1": ("time,amt,rate\n0,2,-1\n", "rate = -1.*R1"),
    "rate -2": ("time,amt,rate\n0,2,-2\n", "rate = -2.*D1"),
    "rate -3": ("time,amt,rate\n0,2,-3\n", "zero or more"),
    "duration below 0": ("time,amt,duration\n0,2,-1\n", "zero or more"),
    "rate against duration": ("time,amt,rate,duration\n0,2,1,1\n", "rate x duration"),
    "cmt 3": ("time,amt,cmt\n0,2,3\n", "cmt is '3'"),
    "cmt 1.5": ("time,amt,cmt\n0,2,1.5\n", "cmt"),
    "cmt -1": ("time,amt,cmt\n0,2,-1\n", "turns a compartment off"),
    "cmt -1 of another event": ("time,amt,evid,cmt\n0,2,1,1\n1,0,2,-1\n", "turns a compartment off"),
    "cmt by an unknown name": ("time,amt,cmt\n0,2,po\n", "cmt is 'po'"),
    "mdv 0 of a dose": ("time,amt,evid,mdv\n0,2,1,0\n", "mdv is 0 and evid 1"),
    "mdv 2": ("time,amt,evid,mdv\n0,2,1,2\n", "mdv is 2"),
    "an amount of an observation": ("time,amt,evid\n0,2,1\n1,2,0\n", "record 2: amt is 2 and evid 0"),
    "addl of another event": ("time,amt,evid,addl\n0,2,1,0\n1,0,2,4\n", "addl is 4 and evid 2"),
    "an amount of a reset": ("time,amt,evid\n0,2,1\n1,2,3\n", "evid 3"),
    "evid missing": ("time,amt,evid\n0,2,.\n1,2,1\n", "record 1: evid is missing"),
    "evid as text": ("time,amt,evid\n0,2,dose\n", "evid is 'dose'"),
    "two subjects": ("id,time,amt\n1,0,2\n2,0,2\n", "several subjects"),
    "no subject": ("id,time,amt\n,0,2\n", "id is ''"),
    "the clock goes back": ("time,amt,evid\n5,2,1\n7,0,0\n0,2,1\n", "record 3: time goes back from 7 to 0"),
    "a period on a clock of its own": ("time,amt,evid\n0,2,1\n7,0,0\n0,2,4\n", "two periods.*one t = 0"),
    "per_m2 2": ("time,amt,per_m2\n0,2,2\n", "per_m2"),
    "riluzole 2": ("time,amt,on_riluzole\n0,2,2\n", "allowed are 0 and 1"),
    "riluzole missing once": ("time,amt,on_riluzole\n0,2,0\n1,2,.\n", "record 2: on_riluzole is missing"),
    "riluzole changes some day": ("time,amt,on_riluzole\n0,2,0\n5,2,1\n", "between day 0 and day 5"),
    "two planned lengths": ("time,amt,planned_length\n0,2,7\n1,2,8\n", "planned_length differs"),
    "comment column with a word": ("C,time,amt\nX,0,2\n", "first column C holds 'X'"),
}  # fmt: skip
REFUSED |= {
    f"evid {code}": (f"time,amt,evid\n0,2,{code}\n", f"record 1: evid is {code}; allowed are 0 observation")
    for code in (5, 6, 7, 101, 10101, -1, 1.5)
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_names_its_place_in_one_sentence(tmp_path, kind):
    content, words = REFUSED[kind]
    path = write(tmp_path, content)
    with pytest.raises(InputError, match=words) as caught:
        Regimen.from_records(path)
    assert "doses.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert main(["simulate", "--records", str(path), "--until", "40", "--at", "7"]) == 2


def test_a_course_without_a_dose_is_read_where_it_is_meant(tmp_path):
    text = "ID,TIME,AMT,EVID,DV\n1,0,.,0,3\n1,9,.,3,.\n"
    path = write(tmp_path, text)
    plan = Regimen.from_records(path, allow_untreated=True)
    assert plan.doses == ()
    assert plan.resets == (9.0,)
    with pytest.raises(InputError, match=r"doses.csv hold no dose.*allow_untreated"):
        read_nonmem(path)
    assert list(read_nonmem(path, allow_untreated=True)[0]) == [1]
    assert Regimen.from_records([], allow_untreated=True).doses == ()
    for nothing in ([], {"time": [], "amt": []}, pd.DataFrame({"time": [], "amt": []})):
        with pytest.raises(InputError, match="no record"):
            Regimen.from_records(nothing)


def test_records_at_one_time_count_in_their_order():
    dose, wipe, again = {"time": 5, "amt": 2}, {"time": 5, "evid": 3}, {"time": 5, "evid": 4, "amt": 0.5}
    steady = {"time": 5, "amt": 1, "ss": 1, "ii": 1}

    def read(*rows):
        plan = Regimen.from_records(rows)
        return given(plan), plan.resets

    assert read(dose, wipe) == ([], (5.0,))
    assert read(wipe, dose) == ([(5.0, 2.0)], (5.0,))
    assert read(dose, again) == ([(5.0, 0.5)], ())
    assert read(again, dose) == ([(5.0, 0.5), (5.0, 2.0)], ())
    assert read(again, wipe) == ([], (5.0,))
    assert read(dose, steady) == ([(5.0, 1.0)], ())
    assert read(steady, dose) == ([(5.0, 1.0), (5.0, 2.0)], ())
    assert read(steady, again) == ([(5.0, 0.5)], ())


def test_additional_doses_end_at_resets_and_at_a_steady_state():
    daily = {"time": 0, "amt": 1, "ii": 1, "addl": 9}
    for end in ({"evid": 3}, {"evid": 4, "amt": 2}, {"amt": 2, "ss": 1, "ii": 3}):
        for when, left in ((4.5, 5), (4, 4), (0, 0), (30, 10)):
            plan = Regimen.from_records([daily, {"time": when, **end}])
            assert sum(d.amount == 1 for d in plan.doses) == left
    later = [{"time": 4, "evid": 3}, {"time": 4, "amt": 1, "ii": 1, "addl": 2}]
    assert [d.time for d in Regimen.from_records([daily, *later]).doses] == [0, 1, 2, 3, 4, 5, 6]


def test_subjects(tmp_path):
    def read(text):
        return read_nonmem(write(tmp_path, text))[0]

    assert list(read("ID,TIME,AMT\n01,0,2\n1.0,1,2\n2.5,0,1\n")) == [1, 2.5]
    assert list(read("ID,TIME,AMT\nA-1,0,2\n01,0,2\n1,0,1\n")) == ["A-1", "01", "1"]
    assert list(read_nonmem(pd.DataFrame({"ID": np.array([3.0, 4.0]), "TIME": 0, "AMT": 1}))[0]) == [3, 4]
    for id in ("NA", ".", "", "nan"):
        with pytest.raises(InputError, match=r"line 3, record 2: id is"):
            read(f"ID,TIME,AMT\n1,0,2\n{id},0,2\n")
    with pytest.raises(InputError, match=r"record 3: id 1 comes again.*individual"):
        read("ID,TIME,AMT\n1,0,2\n2,0,1\n1,0,3\n")
    with pytest.raises(InputError, match=r"Subject 2: .*line 4, record 3: time goes back"):
        read("ID,TIME,AMT\n1,5,2\n2,5,1\n2,0,3\n")
    with pytest.raises(InputError, match=r"id is \["):
        read_nonmem(pd.DataFrame({"ID": [[1]], "TIME": [0], "AMT": [1]}))


def test_columns_of_other_types_are_no_numbers():
    base = {"ID": [1], "TIME": [1.0], "AMT": [2.0]}
    for column, cell in (
        ("TIME", pd.Timedelta("1 day")),
        ("TIME", pd.Timestamp("2020-01-01")),
        ("AMT", True),
        ("AMT", 1 + 2j),
        ("AMT", [2]),
    ):
        with pytest.raises(InputError, match="not a number"):
            read_nonmem(pd.DataFrame(base | {column: [cell]}))
    with pytest.raises(InputError, match="twice"):
        Regimen.from_records(pd.DataFrame([[0, 1, 2]], columns=["time", "amt", "amt"]))
    for source in ("time,amt", b"time", 3, None, {"time": 0, "amt": 1}):
        with pytest.raises(InputError, match="data frame, a mapping"):
            Regimen.from_records(source)


def test_parquet_is_read_where_pandas_has_an_engine(tmp_path, monkeypatch):
    path = write(tmp_path, b"PAR1 and so on", "doses.parquet")
    frame = pd.DataFrame({"time": [0, 1.5], "amt": [2, 0.5]})
    monkeypatch.setattr(pd, "read_parquet", lambda p: frame)
    assert given(Regimen.from_records(path)) == PLAIN

    def without(p):
        raise ImportError

    monkeypatch.setattr(pd, "read_parquet", without)
    with pytest.raises(InputError, match="pyarrow"):
        Regimen.from_records(path)


@pytest.mark.filterwarnings("ignore:The 'fastparquet' engine is deprecated")
def test_parquet_of_a_real_engine_is_the_table(tmp_path):
    pytest.importorskip("fastparquet", reason="an engine for Parquet")
    columns = {"ID": [1, 1, 1], "TIME": [0, 7.0, 8.0], "AMT": [2.0, None, 1.0], "EVID": [1, 0, 1]}
    columns |= {"DV": [None, 8.8, None], "CMT": ["sc", None, "iv"], "SEX": ["f", "f", "f"]}
    path = tmp_path / "doses.parquet"
    pd.DataFrame(columns).to_parquet(path, engine="fastparquet")
    plans, seen = read_nonmem(path)
    assert [(d.time, d.amount, d.route) for d in plans[1].doses] == [(0.0, 2.0, "sc"), (8.0, 1.0, "iv")]
    assert seen[["TIME", "DV"]].to_numpy().tolist() == [[7.0, 8.8]]
    whole = path.read_bytes()
    for content in (whole[:100], whole[:-20], b"", b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"doses\.parquet") as caught:
            read_nonmem(path)
        assert "\n" not in str(caught.value)


def test_public_data_sets_are_read_as_their_documentation_says(tmp_path):
    """Figures of pheno: NONMEM's own listing, beside it in pharmpy; of moxo: its control stream."""
    data = Path(__file__).parents[2] / "data" / "pharmpy"
    plans, seen = read_nonmem(data / "pheno.dta")
    doses = [d for p in plans.values() for d in p.doses]
    assert (len(plans), len(seen), len(seen) + len(doses)) == (59, 155, 744)
    assert all(d.route == "sc" and not d.ss and d.duration == 0 for d in doses)
    text = [line.split() for line in (data / "pheno.dta").read_text().splitlines()[1:]]
    assert sum(d.amount for d in doses) == pytest.approx(sum(float(row[2]) for row in text))
    plans, seen = read_nonmem(data / "moxo.csv")
    steady = [d for p in plans.values() for d in p.doses if d.ss]
    assert len(seen) == 1006
    assert sum(len(p.doses) for p in plans.values()) == 142
    assert len(steady) == 69
    assert all(d.reset or d.ss for d in steady)
    assert {d.ii for d in steady} == {12.0}
    again = write(tmp_path, to_nonmem(plans[next(iter(plans))]).to_csv(index=False, na_rep="."))
    assert read_nonmem(again)[0][1].doses == plans[next(iter(plans))].doses


def test_observations_keep_their_columns(tmp_path):
    text = "C;ID;TIME;AMT;DV;DVID;WT;ARM\n.;1;0;2;.;.;70,5;A\nC;1;1;.;9;1;70,5;A\n.;1;7,5;.;8,8;2;70,5;A\n"
    plans, seen = read_nonmem(write(tmp_path, text))
    assert given(plans[1]) == [(0.0, 2.0)]
    assert plans[1].length == 28
    row = seen.iloc[0]
    assert len(seen) == 1
    assert (row["ID"], row["TIME"], row["DV"], row["DVID"], row["ARM"]) == (1, 7.5, 8.8, 2, "A")


#: In the shape of public data sets, with numbers of our own: the documented columns of nlmixr2data's theo_sd
#: (EVID 101 codes a dose for RxODE), of R's Theoph (dose beside every value), of pharmpy's pheno
#: (AMT and DV, no EVID; weight, Apgar score, flags), and of a crossover whose clock starts anew.
def test_data_sets_in_the_shape_of_public_ones(tmp_path):
    pheno = "ID,TIME,AMT,WT,APGR,DV,FA1,FA2\n1,0.,25.0,1.4,7,0,1,1\n1,2.0,0,1.4,7,17.3,0,0\n1,12.5,3.5,1.4,7,0,1,1\n"
    plans, seen = read_nonmem(write(tmp_path, pheno))
    assert given(plans[1]) == [(0.0, 25.0), (12.5, 3.5)]
    assert seen["DV"].tolist() == [17.3]
    theo_sd = "ID,TIME,DV,AMT,EVID,CMT,WT\n1,0,0,319.9,101,1,79.6\n1,0,0.7,0,0,2,79.6\n"
    with pytest.raises(InputError, match="evid is 101"):
        read_nonmem(write(tmp_path, theo_sd))
    theo_md = theo_sd.replace("101", "1")
    assert given(read_nonmem(write(tmp_path, theo_md))[0][1]) == [(0.0, 319.9)]
    theoph = "Subject,Wt,Dose,Time,conc\n1,79.6,4.0,0,0.7\n"
    with pytest.raises(InputError, match="no column ID"):
        read_nonmem(write(tmp_path, theoph))
    pkpd = "id,time,amt,dv,dvid,evid,wt\n1,0,100,0,cp,1,66.7\n1,24,0,9.2,cp,0,66.7\n1,24,0,49,pca,0,66.7\n"
    plans, seen = read_nonmem(write(tmp_path, pkpd))
    assert seen["DVID"].tolist() == ["cp", "pca"]
    cross = "ID,TIME,AMT,EVID,DV\n1,0,2,1,.\n1,7,.,0,8.8\n1,0,1,4,.\n1,7,.,0,7.9\n"
    with pytest.raises(InputError, match=r"Subject 1: .*record 3: time goes back from 7 to 0"):
        read_nonmem(write(tmp_path, cross))


def test_the_command_reads_what_it_exports(tmp_path, capsys):
    path = tmp_path / "doses.csv"
    for name in ("mirocals", "transreg", "imodals-1miu"):
        assert main(["export", "nonmem", "--regimen", name, "-o", str(path)]) == 0
        assert Regimen.from_records(path, name=name) == Regimen.named(name)
    assert (
        main(["simulate", "--records", str(path), "--until", "85", "--at", "7", "--observables", "treg_percent"]) == 0
    )
    assert "15 doses" in capsys.readouterr().out
    assert path.read_text() == to_nonmem(Regimen.from_records(path)).to_csv(index=False, na_rep=".")


CELLS = [
    *("0", "1", "2", "3", "4", "2.5", "-1", ".", "", "NA", "x", "1e400", "1e308", "1e-320", "0,5", '"1"', '"', "sc"),
    *("iv", "\x0b", "\u2028", "µ", "1d3", "#", "@", "100000", "\t", "=1+1", "1_0"),
]
COLUMNS = ["evid", "ii", "addl", "rate", "duration", "ss", "cmt", "id", "mdv", "dv", "dvid", "per_m2", "on_riluzole"]
COLUMNS += ["planned_length", "C", "wt", "", "time", "TIME", "adl"]


def test_500_random_tables_are_read_or_refused_in_a_sentence(tmp_path):
    rng = random.Random(14)
    read, sentences = 0, []
    for _ in range(500):
        names = ["time", "amt", *rng.sample(COLUMNS, rng.randint(0, 4))]
        rows = [[rng.choice(["0", "1", rng.choice(CELLS)]) for _ in names] for _ in range(rng.randint(0, 3))]
        separator = rng.choice([",", ";", "\t", " "])
        path = write(tmp_path, "\n".join(separator.join(row) for row in [names, *rows]))
        for door in (Regimen.from_records, read_nonmem):
            try:
                found = door(path)
            except InputError as error:
                sentences.append(str(error))
                continue
            read += 1
            if isinstance(found, Regimen):
                assert Regimen.from_records(found.to_records(), name=found.name, allow_untreated=True) == found
    assert read > 20
    assert not any("\n" in sentence for sentence in sentences)
