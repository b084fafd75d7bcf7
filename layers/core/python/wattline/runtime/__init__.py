"""Where the parts are put together for a Lambda function: settings, logging, clocks and adapters."""
