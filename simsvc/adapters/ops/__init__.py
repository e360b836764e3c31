"""Operations: backups, disk, logs, metrics, atomic files."""
