"""`python -m il2model`."""

from .cli.main import main

raise SystemExit(main())
