"""What each verb of ``umamba-rt`` does; imported only when it is called for."""
