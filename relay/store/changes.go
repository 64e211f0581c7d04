package store

// Start is how a delivery begins.
type Start struct {
	State State
	Waits bool // for an earlier one of its order key
}

// StartOf says how a delivery begins: being sent, or due now, or waiting when an earlier one of its order key is unfinished.
// busy has the lanes with unfinished deliveries, to which it adds.
func StartOf(d *NewDelivery, busy map[Lane]bool) Start {
	l := Lane{d.Notifier, d.OrderKey}
	waits := d.OrderKey != "" && busy[l]
	switch {
	case d.Cancelled != "":
		return Start{State: Cancelled}
	case d.OrderKey != "":
		busy[l] = true
	}
	if d.Claim && !waits {
		return Start{State: Sending}
	}
	return Start{Pending, waits}
}

// Changes are the keys that a batch or a transaction changes, so that each is written once however many events touch it.
type Changes struct {
	Values map[string]KeyValue
	Order  []string // of their first change
}

func (o *Changes) Set(c Change) { o.Put(c.Key, KeyValue{c.Value, Expiry(c.Expires)}) }

func (o *Changes) Put(key string, kv KeyValue) {
	if o.Values == nil {
		o.Values = map[string]KeyValue{}
	}
	if _, known := o.Values[key]; !known {
		o.Order = append(o.Order, key)
	}
	o.Values[key] = kv
}
