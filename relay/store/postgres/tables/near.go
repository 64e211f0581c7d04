package tables

// near and apart are the two kinds of deliveries. The ids of those that are made with an event are right behind that of
// the event (see [store.IDs.NextDelivery]), so the primary key finds them. All others are in the index deliveries_apart:
// fallbacks, those that were made later or by an earlier release, and more of one event than it keeps ids for.
const (
	near  = "fallback_for = 0 AND id - event_id BETWEEN 1 AND 15"
	apart = "(fallback_for <> 0 OR id - event_id NOT BETWEEN 1 AND 15)"
)

// DeliveriesOf returns the deliveries of some events, as a table of a query. events is a query of their ids. The two
// indexes are read for each event on its own, however many the planner expects.
func DeliveriesOf(events string) string {
	return "(SELECT d.* FROM (" + events + `) e (event) CROSS JOIN LATERAL (
		SELECT * FROM deliveries
			WHERE id BETWEEN event + 1 AND event + 15 AND event_id = event AND ` + near + `
		UNION ALL
		SELECT * FROM deliveries WHERE event_id = event AND ` + apart + ") d)"
}
