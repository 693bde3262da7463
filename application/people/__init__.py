"""What people do with credits: teams, quotas, gifts."""
