package email

import (
	"bytes"
	_ "embed" // the layout
	"fmt"
	"html"
	"html/template"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	mdhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
)

//go:embed email.html
var layoutHTML string

// renderHTML returns the HTML of the email. Styles are inline, since some programs drop style sheets.
func (n *notifier) renderHTML(m *notifiers.Message) (string, error) {
	body, err := bodyHTML(m.Body)
	if err != nil {
		return "", err
	}
	link, _ := markup.CleanURL(m.URL)
	var b bytes.Buffer
	err = n.layout.Execute(&b, struct {
		Label, Color, Title, URL, Context string
		Body                              template.HTML
		Tests                             *testTable
		Fields                            []fieldRow
	}{
		markup.Label(m), levelColor(m.Level), notifiers.Cut(titleOf(m), maxTitle), link,
		markup.Context(m), body, tests(m), fieldRows(m),
	})
	if err != nil {
		return "", fmt.Errorf("writing the HTML of the email: %w", err)
	}
	return b.String(), nil
}

// fieldRow is a row of the table below the body.
type fieldRow struct {
	Name  string
	Value template.HTML
}

func fieldRows(m *notifiers.Message) (rows []fieldRow) {
	for _, f := range markup.Fields(m, notifiers.MaxFieldValue) {
		value := markup.HTML(markup.EscapeHTML).Line(f.Value)
		rows = append(rows, fieldRow{f.Name, template.HTML(value)}) //nolint:gosec // all texts in it are escaped
	}
	return rows
}

// levelColor returns the color of a level, with enough contrast to white for small text (WCAG 2.2, 1.4.3).
func levelColor(level string) string {
	switch level {
	case "success":
		return "#15803d"
	case "warning":
		return "#b45309"
	}
	return notifiers.LevelColor(level)
}

// bodyHTML renders Markdown with inline styles. The result is safe: the tree holds no HTML, and links only to the web
// and to mailboxes.
func bodyHTML(body string) (template.HTML, error) {
	root, source := markup.Parse(body, false)
	for _, n := range markup.Collect(root, func(ast.Node) bool { return true }) {
		if style, class := nodeStyle(n); style != "" {
			n.SetAttributeString("style", []byte(style))
			n.SetAttributeString("class", []byte(class))
		}
	}
	for _, n := range markup.Collect(root, func(n ast.Node) bool { return n.Kind() == extast.KindTableHeader }) {
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			c.SetAttributeString("scope", []byte("col"))
		}
	}
	r := renderer.NewRenderer(renderer.WithNodeRenderers(
		util.Prioritized(styledNodes{}, 100),
		util.Prioritized(extension.NewTableHTMLRenderer(), 500),
		util.Prioritized(extension.NewStrikethroughHTMLRenderer(), 500),
		util.Prioritized(mdhtml.NewRenderer(mdhtml.WithHardWraps()), 1000),
	))
	var b bytes.Buffer
	if err := r.Render(&b, source, root); err != nil {
		return "", fmt.Errorf("rendering the body: %w", err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // see above: everything in it is escaped
}

const mono = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px;"

// nodeStyle returns the inline style of a node, and its class in the style sheet of dark mode.
func nodeStyle(n ast.Node) (style, class string) {
	switch n := n.(type) {
	case *ast.Paragraph:
		return "margin:0 0 " + below(n, "14px") + ";", "t"
	case *ast.Heading:
		top := "18px"
		if n.PreviousSibling() == nil {
			top = "0"
		}
		return fmt.Sprintf("margin:%s 0 8px;font-size:%dpx;line-height:1.3;", top, max(20-2*n.Level, 15)), "t"
	case *ast.List:
		return "margin:0 0 " + below(n, "14px") + ";padding:0 24px;", "t"
	case *ast.ListItem:
		return "margin:0 0 4px;", "t"
	case *ast.Blockquote:
		style = "padding:2px 0 2px 14px;border-left:3px solid #cbd5e1;color:#475569;"
		return "margin:0 0 " + below(n, "14px") + ";" + style, "q"
	case *ast.CodeSpan:
		return mono + "background:#f1f5f9;border-radius:4px;padding:1px 5px;", "c"
	case *ast.ThematicBreak:
		return "border:0;border-top:1px solid #e2e8f0;margin:18px 0;", "l"
	case *extast.Table:
		return "border-collapse:collapse;margin:0 0 14px;font-size:14px;", "t"
	case *extast.TableCell:
		style = "border-bottom:1px solid #e2e8f0;padding:6px 12px 6px 0;vertical-align:top;"
		if n.Alignment != extast.AlignNone {
			style += "text-align:" + n.Alignment.String() + ";"
		} else {
			style += "text-align:left;"
		}
		return style, "l"
	}
	return "", ""
}

// below returns the space below n: little within a list, 0 at the end of a quote.
func below(n ast.Node, space string) string {
	switch n.Parent().(type) {
	case *ast.ListItem:
		return "4px"
	case *ast.Blockquote:
		if n.NextSibling() == nil {
			return "0"
		}
	}
	return space
}

// styledNodes renders the nodes whose standard form has no style.
type styledNodes struct{}

// RegisterFuncs implements [renderer.NodeRenderer].
func (r styledNodes) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(ast.KindLink, r.link)
	reg.Register(ast.KindCodeBlock, r.code)
	reg.Register(ast.KindFencedCodeBlock, r.code)
}

// link writes a link. [markup.Parse] has cleaned its destination.
func (styledNodes) link(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		_, _ = w.WriteString("</a>")
		return ast.WalkContinue, nil
	}
	url := html.EscapeString(string(n.(*ast.Link).Destination))
	_, _ = w.WriteString(`<a href="` + url + `" class="a" style="color:#1d4ed8;text-decoration:underline;">`)
	return ast.WalkContinue, nil
}

func (styledNodes) code(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString(`<pre class="c" style="` + mono + `background:#f1f5f9;border-radius:6px;` +
			`padding:12px 14px;margin:0 0 14px;overflow-x:auto;white-space:pre-wrap;line-height:1.45;">` +
			html.EscapeString(markup.CodeText(n, source)) + "</pre>\n")
	}
	return ast.WalkSkipChildren, nil
}
