"""Speed on this machine, each figure beside a rival or a limit measured in the same run; `maeday bench` runs them."""
