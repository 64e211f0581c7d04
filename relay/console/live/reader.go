package live

import "slices"

// maxInserted is how many new rows a second are put before a reader's eyes. From more on they are counted.
const maxInserted = 5

// message is what a stream sends.
type message struct {
	event string
	data  any
}

// The data of messages.
type (
	// pieceData puts a row or a part in place of the one with its id. A row that the page does not have stands before
	// the row with the id Before, or at the end.
	pieceData struct {
		ID     string `json:"id"`
		HTML   string `json:"html"`
		Before string `json:"before,omitempty"`
	}
	goneData struct {
		ID string `json:"id"`
	}
	// headData says how many rows are newer than those that the page shows. With More there are further ones.
	headData struct {
		Newer int  `json:"newer"`
		More  bool `json:"more,omitempty"`
	}
	mainData struct {
		HTML string `json:"html"`
	}
	// aliveData says how many seconds the reader's session lasts if it is not used; zero is without end.
	aliveData struct {
		Left int `json:"left,omitempty"`
	}
	textData struct {
		Text string `json:"text"`
	}
)

// reader is one who looks at a page, and what the page of the browser shows.
type reader struct {
	page  *Page
	rows  map[string]uint64 // the hashes of the rows on the screen
	order []string          // their ids
	held  bool              // newer rows are counted, not inserted
	newer headData
}

// begin returns what makes the page of the browser, which has the given hash, the same as p.
func (r *reader) begin(p *Page, hash string) []message {
	r.adopt(p)
	if p.Hash() == hash {
		return nil
	}
	return []message{{"main", mainData{p.main}}}
}

// adopt notes that the browser shows p.
func (r *reader) adopt(p *Page) {
	*r = reader{page: p, rows: make(map[string]uint64, len(p.rows))}
	for _, one := range p.rows {
		r.rows[one.id] = one.hash
		r.order = append(r.order, one.id)
	}
}

// follow returns what makes the page of the browser the same as p, as far as that does not move what is being read.
func (r *reader) follow(p *Page) (all []message) {
	if p == r.page {
		return nil
	}
	if p.rest != r.page.rest || !sameIDs(p.parts, r.page.parts) || r.isReordered(p) {
		r.adopt(p)
		return []message{{"main", mainData{p.main}}}
	}
	for i, part := range p.parts {
		if part.hash != r.page.parts[i].hash {
			all = append(all, message{"part", pieceData{ID: part.id, HTML: part.html}})
		}
	}
	r.page = p
	fresh := 0
	for _, row := range p.rows {
		hash, known := r.rows[row.id]
		switch {
		case !known:
			fresh++
		case hash != row.hash:
			r.rows[row.id] = row.hash
			all = append(all, message{"row", pieceData{ID: row.id, HTML: row.html}})
		}
	}
	if fresh > maxInserted {
		r.held = true
	}
	if r.held {
		return append(all, r.count(p)...)
	}
	return append(all, r.insert(p)...)
}

func sameIDs(a, b []piece) bool {
	return slices.EqualFunc(a, b, func(x, y piece) bool { return x.id == y.id })
}

// isReordered reports whether rows on the screen stand in another order now.
func (r *reader) isReordered(p *Page) bool {
	at := -1
	for _, row := range p.rows {
		if _, known := r.rows[row.id]; !known {
			continue
		}
		i := slices.Index(r.order, row.id)
		if i < at {
			return true
		}
		at = i
	}
	return false
}

// insert puts new rows into the page, and takes those away that the list no longer has.
func (r *reader) insert(p *Page) (all []message) {
	before := ""
	for _, row := range slices.Backward(p.rows) {
		if _, known := r.rows[row.id]; !known {
			all = append(all, message{"row", pieceData{row.id, row.html, before}})
		}
		before = row.id
	}
	for _, id := range r.order {
		if !slices.ContainsFunc(p.rows, func(row piece) bool { return row.id == id }) {
			all = append(all, message{"gone", goneData{id}})
		}
	}
	r.adopt(p)
	return all
}

// count counts the rows that are newer than those on the screen. Those on the screen stay, unless the list lost them
// while it still has older ones.
func (r *reader) count(p *Page) (all []message) {
	newer := headData{len(p.rows), true}
	last := -1 // the last row on the screen that the list has
	for i, row := range p.rows {
		if at := slices.Index(r.order, row.id); at >= 0 {
			if newer.More {
				newer = headData{i, false}
			}
			last = max(last, at)
		}
	}
	var left []string
	for i, id := range r.order {
		if i < last && !slices.ContainsFunc(p.rows, func(row piece) bool { return row.id == id }) {
			all = append(all, message{"gone", goneData{id}})
			delete(r.rows, id)
			continue
		}
		left = append(left, id)
	}
	r.order = left
	if newer != r.newer {
		r.newer = newer
		all = append(all, message{"head", newer})
	}
	return all
}
