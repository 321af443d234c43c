"""`python -m audit_cli`, the same as `auditlog`."""

from audit_cli import main

if __name__ == "__main__":
    main()
