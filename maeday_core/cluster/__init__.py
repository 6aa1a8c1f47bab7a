"""More than one process and one machine, on Ray (`pip install 'maeday[cluster]'`); only a command imports it."""
