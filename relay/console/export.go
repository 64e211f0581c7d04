package console

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// flushRows is the number of rows after which an export is sent on.
	flushRows = 500
	// rowsTime is the time that a client has to take them.
	rowsTime = time.Minute
)

// export streams a list as a file.
type export struct {
	w      http.ResponseWriter
	csv    *csv.Writer
	out    *json.Encoder
	header []string // of a CSV file, until it is written
	rows   int
}

// newExport begins a file, of which the name says the form. A CSV file has a header.
func newExport(w http.ResponseWriter, name string, header ...string) *export {
	e := &export{w: w, csv: csv.NewWriter(w), out: json.NewEncoder(w), header: header}
	e.out.SetEscapeHTML(false)
	kind := "application/x-ndjson"
	if strings.HasSuffix(name, ".csv") {
		kind = "text/csv; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Header().Set("Cache-Control", "no-store")
	return e
}

// row writes a row of a CSV file. Cells that a spreadsheet would take for a formula begin with a quote.
func (e *export) row(cells ...string) error {
	e.begin()
	for i, cell := range cells {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			cells[i] = "'" + cell
		}
	}
	if err := e.csv.Write(cells); err != nil {
		return err
	}
	return e.wrote()
}

// begin writes the header. So an error before the first row can still be answered.
func (e *export) begin() {
	if e.header != nil {
		_ = e.csv.Write(e.header) // it keeps its error
		e.header = nil
	}
}

func (e *export) number(n int) string { return strconv.Itoa(n) }

// json writes a line of JSON.
func (e *export) json(v any) error {
	if err := e.out.Encode(v); err != nil {
		return err
	}
	return e.wrote()
}

// wrote sends the rows on from time to time, and gives the client time for the next ones.
func (e *export) wrote() error {
	if e.rows++; e.rows%flushRows != 1 {
		return nil
	}
	e.csv.Flush()
	connection := http.NewResponseController(e.w)
	_ = connection.SetWriteDeadline(time.Now().Add(rowsTime)) // without it the server's own limit ends a slow client
	if err := connection.Flush(); err != nil {
		return err
	}
	return e.csv.Error()
}

// end finishes the file. After an error the connection is cut, so that the client does not take the part for the whole.
func (e *export) end(err error) error {
	if err != nil && e.rows == 0 {
		e.w.Header().Del("Content-Disposition")
		return err
	}
	e.begin()
	e.csv.Flush()
	if err != nil || e.csv.Error() != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}
