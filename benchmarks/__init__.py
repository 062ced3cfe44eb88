"""What the machine is asked, and what it answers: every figure beside a yardstick taken in the same run."""
