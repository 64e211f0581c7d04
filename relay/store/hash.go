package store

// BodyHash is half of a body's SHA-256, which tells bodies apart as surely and fills fewer pages.
type BodyHash [16]byte

func HashOf(ev *Event) BodyHash { return BodyHash(ev.Hash[:16]) }
