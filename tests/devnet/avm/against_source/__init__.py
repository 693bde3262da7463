"""Compiled contracts on the network, beside their sources under another interpreter."""
