"""The web pages: server-rendered, for doctors, instructors, payers and auditors."""
