"""What is done with tokens that exist, and what is known of them."""
