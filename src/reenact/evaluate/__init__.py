"""Figures one can trust: metrics named by their network and protocol, two floors, and a runner that writes down how."""
