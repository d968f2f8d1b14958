"""Lists as files: what an auditor, a spreadsheet, a data lake or a SIEM takes."""
