package live

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// list makes a page with rows, the newest first, each as ID or ID=TEXT.
func list(t *testing.T, rows ...string) *Page {
	t.Helper()
	var b strings.Builder
	b.WriteString("<h1>Events</h1><table><tbody>\n")
	for _, row := range rows {
		id, text, _ := strings.Cut(row, "=")
		fmt.Fprintf(&b, "<tr id=\"%s\" data-row><td>%s <time datetime=\"x\" data-ago>4 s ago</time></td></tr>\n", id, text)
	}
	b.WriteString("</tbody></table><nav id=\"pager\" data-part>" + rows[len(rows)-1] + "</nav>")
	p, err := Parse(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// texts are messages in short.
func texts(all []message) (out []string) {
	for _, m := range all {
		switch d := m.data.(type) {
		case pieceData:
			out = append(out, strings.TrimSpace(m.event+" "+d.ID+" "+d.Before))
		case goneData:
			out = append(out, "gone "+d.ID)
		case headData:
			out = append(out, fmt.Sprintf("head %d %v", d.Newer, d.More))
		default:
			out = append(out, m.event)
		}
	}
	return out
}

func TestAReaderGetsWhatDiffers(t *testing.T) {
	for _, c := range []struct {
		name  string
		pages [][]string
		want  []string // of the last page
	}{
		{"the same page", [][]string{{"b", "a"}, {"b", "a"}}, nil},
		{"a row that changed", [][]string{{"b", "a"}, {"b=sent", "a"}}, []string{"row b"}},
		{"a new row, and the oldest leaves", [][]string{{"b", "a"}, {"c", "b"}}, []string{"part pager", "row c b", "gone a"}},
		{"two new rows, the older one first", [][]string{{"b", "a"}, {"d", "c", "b", "a"}}, []string{"row c b", "row d c"}},
		{"a row that the filter lost", [][]string{{"c", "b", "a"}, {"c", "a"}}, []string{"gone b"}},
		{"six at once are counted", [][]string{{"a"}, {"7", "6", "5", "4", "3", "2", "a"}}, []string{"head 6 false"}},
		{"while they are counted, what is on the screen changes",
			[][]string{{"b", "a"}, {"7", "6", "5", "4", "3", "2", "b", "a"}, {"8", "7", "6", "5", "4", "3", "2", "b=sent", "a"}},
			[]string{"row b", "head 7 false"}},
		{"none of those on the screen is left",
			[][]string{{"b", "a"}, {"7", "6", "5", "4", "3", "2"}}, []string{"part pager", "head 6 true"}},
		{"a row in the middle leaves while newer ones are counted",
			[][]string{{"c", "b", "a"}, {"7", "6", "5", "4", "3", "2", "c", "a"}}, []string{"gone b", "head 6 false"}},
		{"rows in another order", [][]string{{"b", "a"}, {"a", "b"}}, []string{"main"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r reader
			first := list(t, c.pages[0]...)
			if got := r.begin(first, first.Hash()); got != nil {
				t.Fatalf("the page that the browser has is sent: %v", texts(got))
			}
			var got []message
			for _, rows := range c.pages[1:] {
				got = r.follow(list(t, rows...))
			}
			if !slices.Equal(texts(got), c.want) {
				t.Errorf("got %q, want %q", texts(got), c.want)
			}
		})
	}
}

func TestAPageThatTheBrowserDoesNotHaveIsSent(t *testing.T) {
	var r reader
	if got := texts(r.begin(list(t, "b", "a"), list(t, "a").Hash())); !slices.Equal(got, []string{"main"}) {
		t.Errorf("got %q", got)
	}
}

func TestAgesAreNoChange(t *testing.T) {
	one, err := Parse(`<p id="x" data-part><time datetime="2026" data-ago>4 s ago</time></p>`)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Parse(`<p id="x" data-part><time datetime="2026" data-ago>5 s ago</time></p>`)
	if err != nil {
		t.Fatal(err)
	}
	if one.Hash() != other.Hash() {
		t.Error("the age of a time counts as a change")
	}
}

func TestTheWholePageIsSentIfItChangesOutsideRows(t *testing.T) {
	var r reader
	empty, err := Parse(`<p>No event has arrived yet.</p>`)
	if err != nil {
		t.Fatal(err)
	}
	r.begin(empty, empty.Hash())
	if got := texts(r.follow(list(t, "a"))); !slices.Equal(got, []string{"main"}) {
		t.Errorf("got %q", got)
	}
}
