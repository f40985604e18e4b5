"""What a band says, and who may wear one when there is no hardware: virtual wearers."""
