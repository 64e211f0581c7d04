package tables

// apart is the condition of the index deliveries_apart. The ids of most deliveries are right behind that of the event that
// they were made with (see [store.IDs.NextDelivery]), so the primary key finds them. All others are in the index:
// fallbacks, those that were made later or by an earlier release, and more of one event than it keeps ids for.
const apart = "(fallback_for <> 0 OR id - event_id NOT BETWEEN 1 AND 15)"

// DeliveriesOf returns the deliveries of some events, as a table of a query. events is a query of their ids. Both indexes
// are read for each event on its own, and the limit tells the planner how little that is.
func DeliveriesOf(events string) string {
	return "(SELECT d.* FROM (" + events + `) e (event) CROSS JOIN LATERAL (
		SELECT * FROM (SELECT * FROM deliveries WHERE id BETWEEN event + 1 AND event + 15 ORDER BY id LIMIT 15) near
			WHERE event_id = event AND fallback_for = 0
		UNION ALL
		SELECT * FROM deliveries WHERE event_id = event AND ` + apart + ") d)"
}
