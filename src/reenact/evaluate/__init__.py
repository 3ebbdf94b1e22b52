"""Figures one can trust: metrics named by network and protocol, two trivial baselines, and a runner that writes down how."""
