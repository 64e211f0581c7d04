package store

// Name is that of a lane's lock.
func (l Lane) Name() string { return l.Notifier + "\x00" + l.Key }
