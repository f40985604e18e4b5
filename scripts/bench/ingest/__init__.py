"""How near the whole chain comes to COPY: broker, hub and database, all real, in one run."""
