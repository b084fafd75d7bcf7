"""wattline: a serverless telemetry platform for power, batteries, fleets, meters and store availability.

The layers of code, top to bottom, each importing only downward::

    functions  >  runtime  >  api  >  adapters | services  >  ports  >  domain | tables  >  errors

`domain`, `services`, `ports`, `tables` and `errors` know nothing of AWS, the environment or the clock.
"""

__version__ = "0.1.0"
