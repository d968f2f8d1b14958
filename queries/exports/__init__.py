"""Lists as files, for auditors, spreadsheets, data lakes and SIEMs."""
