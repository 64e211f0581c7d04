package postgres

// Names for the tests outside the package.
const DbNow = dbNow
const LockPurge = lockPurge
const Nodes = nodes
const RingEvery = ringEvery
