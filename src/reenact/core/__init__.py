"""What every other layer stands on: errors, assets, `Motion`, `Portrait` and the `Method` protocol."""
