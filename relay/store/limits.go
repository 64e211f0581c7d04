package store

import "time"

// FirstLease is the lease of a delivery that is claimed as it is made.
const FirstLease = 1

// MaxFollowers is how many waiting deliveries of one order key are claimed behind a due one.
const MaxFollowers = 32

// MaxResponse is how much of a receiver's answer is kept, in bytes.
const MaxResponse = 4 << 10

// RetrySlice is how many deliveries one transaction of Retry takes.
const RetrySlice = 500

const PurgeSlice = 500 // events or rows of one step

const ReadTimeout = 5 * time.Second // a long read keeps the log from being reused
