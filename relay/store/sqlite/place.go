package sqlite

// networkFileSystem returns the name of a file system of Linux whose locks or confirmed writes depend on another machine or on a
// helper, by its number in linux/magic.h, or nothing.
func networkFileSystem(magic uint32) string {
	return map[uint32]string{
		0x6969: "NFS", 0x517B: "SMB", 0xFF534D42: "SMB", 0xFE534D42: "SMB", 0x01021997: "9p", 0x65735546: "FUSE",
		0x00C36400: "Ceph", 0x5346414F: "AFS", 0x6B414653: "AFS", 0x73757245: "Coda", 0x0BD00BD0: "Lustre", 0x786F4256: "vboxsf",
	}[magic]
}

// warnOfFileSystem tells the operator when the store is where a power loss or a second process can harm it.
func (s *Store) warnOfFileSystem(name string) {
	if name != "" {
		s.log.Warn("the store is on a network or user-space file system, which may neither keep what it confirmed nor keep two processes apart; "+
			"put --store on a local disk, or use --store postgres://…", "store", s.Path, "file_system", name)
	}
}
