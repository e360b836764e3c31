"""What several hosts need besides: moving there from one machine, and checks of the parts that they share."""
