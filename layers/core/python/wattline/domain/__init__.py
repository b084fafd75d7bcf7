"""The rules of the business, in pure functions: no AWS, no environment, no clock (pass `now` in).

Instants are integers, milliseconds since 1970-01-01T00:00:00Z. Energy is an integer number of nano-kWh
(1e-9 kWh), the scale every energy column has, so that sums are exact and never depend on their order.
"""
