// Package live keeps pages of the console up to date: it renders a page again each second, and sends the rows and parts
// that differ from those that the reader has.
package live

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Page is the content of a page, taken apart. A row is an element with the attribute data-row and an id, a part is one
// with data-part and an id. Neither has another one inside. A page is never changed.
type Page struct {
	rows  []piece
	parts []piece
	main  string // all of it, as HTML
	rest  uint64 // the hash of what is outside the rows and parts
}

// piece is a row or a part.
type piece struct {
	id   string
	html string
	hash uint64
}

// seed is that of all hashes of this process.
var seed = maphash.MakeSeed()

// ages are texts such as "4 s ago", which the browser keeps up to date by itself.
var ages = regexp.MustCompile(`(<time [^>]*data-ago[^>]*>)[^<]*`)

// hashOf returns the hash of HTML without the texts that change by themselves.
func hashOf(text string) uint64 { return maphash.String(seed, ages.ReplaceAllString(text, "$1")) }

// Parse takes the content of a page apart.
func Parse(main string) (*Page, error) {
	root := &html.Node{Type: html.ElementNode, Data: "main", DataAtom: atom.Main}
	nodes, err := html.ParseFragment(strings.NewReader(main), root)
	if err != nil {
		return nil, fmt.Errorf("parsing the page: %w", err)
	}
	for _, n := range nodes {
		root.AppendChild(n)
	}
	p := &Page{main: main}
	if err := p.take(root); err != nil {
		return nil, err
	}
	rest, err := rendered(root)
	p.rest = hashOf(strings.Join(strings.Fields(rest), " ")) // the blanks between rows are as many as the rows
	return p, err
}

// Hash tells pages apart, within this process.
func (p *Page) Hash() string {
	var h maphash.Hash
	h.SetSeed(seed)
	maphash.WriteComparable(&h, p.rest)
	for _, list := range [][]piece{p.rows, p.parts} {
		for _, one := range list {
			maphash.WriteComparable(&h, one.hash)
		}
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// take moves the rows and parts below a node into the page.
func (p *Page) take(n *html.Node) error {
	var next *html.Node
	for child := n.FirstChild; child != nil; child = next {
		next = child.NextSibling
		list := p.listOf(child)
		if list == nil {
			if err := p.take(child); err != nil {
				return err
			}
			continue
		}
		text, err := rendered(child)
		if err != nil {
			return err
		}
		*list = append(*list, piece{id: attribute(child, "id"), html: text, hash: hashOf(text)})
		n.RemoveChild(child)
	}
	return nil
}

// listOf returns the list that an element belongs to, or nil.
func (p *Page) listOf(n *html.Node) *[]piece {
	switch {
	case n.Type != html.ElementNode || attribute(n, "id") == "":
		return nil
	case has(n, "data-row"):
		return &p.rows
	case has(n, "data-part"):
		return &p.parts
	}
	return nil
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func rendered(n *html.Node) (string, error) {
	var b bytes.Buffer
	if err := html.Render(&b, n); err != nil {
		return "", fmt.Errorf("rendering a part of the page: %w", err)
	}
	return b.String(), nil
}
