"""Appointments: when one may be (`rules`, `calendar`), which moment was meant (`dates`), and making it (`desk`)."""
