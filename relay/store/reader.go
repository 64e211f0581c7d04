package store

import (
	"context"
	"fmt"
)

// Reader is what can be read of a store without taking part in it.
type Reader interface {
	// Events and Deliveries are those of Store. What a relay is sending from a file is pending here, since only that relay knows.
	Events(ctx context.Context, f EventFilter) (list []StoredEvent, next ID, err error)
	Deliveries(ctx context.Context, f DeliveryFilter) (list []Delivery, next ID, err error)
	Close() error
}

func CanRead(what string, version, known int) error {
	switch version {
	case known:
		return nil
	case 0:
		return fmt.Errorf("%s is empty: no relay has used it yet", what)
	}
	return fmt.Errorf("%s has version %d, and this program reads version %d: a relay of this release brings it up when it starts, or read it by the release that runs on it",
		what, version, known)
}
