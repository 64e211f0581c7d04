package slack

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
)

// Slack's limits on the parts of Block Kit (https://docs.slack.dev/reference/block-kit/blocks).
const (
	maxBlocks = 50
	maxHeader = 150
	maxField  = 2000
	maxButton = 75
	maxAlt    = 2000
)

// kitBlock is a Block Kit block as a rule writes it. Unknown fields are kept.
type kitBlock map[string]any

// BlockType implements slack.Block.
func (b kitBlock) BlockType() slack.MessageBlockType {
	kind, _ := b["type"].(string)
	return slack.MessageBlockType(kind)
}

// ID implements slack.Block.
func (b kitBlock) ID() string { id, _ := b["block_id"].(string); return id }

// fitBlocks makes the blocks of a rule fit for Slack: long texts are truncated with an ellipsis, and empty objects are
// left out. Mentions stand above the blocks, since Slack notifies people of mentions that it shows. Without blocks it
// returns nil.
func fitBlocks(written any, mentions []string) []kitBlock {
	list, isList := written.([]any)
	if !isList {
		list = []any{written}
	}
	f := &blockFitter{left: maxTexts}
	var blocks []kitBlock
	if line := strings.TrimSpace(writeMentions(mentions, maxContext)); line != "" {
		blocks = append(blocks, mentionBlock(line))
	}
	before := len(blocks)
	for _, one := range list {
		block, isBlock := one.(map[string]any)
		if !isBlock {
			continue
		}
		fit, left := f.object(block, maxSection)
		switch {
		case !left:
		case len(blocks) == maxBlocks-1 || f.left <= 0:
			ellipsis := map[string]any{"type": "mrkdwn", "text": strings.TrimSpace(notifiers.Ellipsis)}
			return append(blocks, kitBlock{"type": "context", "elements": []any{ellipsis}})
		default:
			blocks = append(blocks, fit)
		}
	}
	if len(blocks) == before {
		return nil
	}
	return blocks
}

// blockFitter truncates texts to Slack's limits, and counts the characters of all texts.
type blockFitter struct{ left int }

// object fits an object of Block Kit whose text may have limit characters. It reports whether anything is left to show.
func (f *blockFitter) object(written map[string]any, limit int) (fit map[string]any, left bool) {
	kind, _ := written["type"].(string)
	if _, isText := written["text"].(string); isText && (kind == "mrkdwn" || kind == "plain_text") {
		return f.text(written, limit)
	}
	fit = map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(written)) {
		if v, there := f.value(kind, key, written[key]); there {
			fit[key] = v
		}
	}
	if kind == "image" && fit["alt_text"] == nil { // Slack requires one
		fit["alt_text"] = "image"
	}
	if _, leads := written["url"]; leads && fit["url"] == nil {
		return nil, false // a button without a destination
	}
	return fit, isWhole(kind, fit)
}

// value fits the value of a key of an object of a kind.
func (f *blockFitter) value(kind, key string, v any) (fit any, left bool) {
	switch v := v.(type) {
	case map[string]any:
		return f.object(v, textLimit(kind, key))
	case []any:
		return f.list(v, kind, key)
	case string:
		return f.plain(kind, key, v)
	}
	return v, true
}

// plain fits a text that is not an object.
func (f *blockFitter) plain(kind, key, s string) (fit any, left bool) {
	switch {
	case key == "url" || strings.HasSuffix(key, "_url"):
		return markup.CleanURL(s)
	case key == "text" && kind == "raw_text" && s == "": // a cell of a table keeps its place
		return " ", true
	case key == "text" && (kind == "text" || kind == "raw_text"):
		fit, _ = f.cut(s, min(maxSection, f.left), notifiers.Cut)
		return cmp.Or(fit.(string), s), s != ""
	case key == "text" && kind == "markdown":
		return f.cut(s, f.left, notifiers.Cut)
	case key == "text" || key == "alt_text" || key == "title":
		return f.cut(s, min(textLimit(kind, key), f.left), notifiers.Cut)
	}
	return s, true
}

func (f *blockFitter) list(written []any, kind, key string) (fit []any, left bool) {
	for _, one := range written {
		switch one := one.(type) {
		case map[string]any:
			if object, left := f.object(one, textLimit(kind, key)); left {
				fit = append(fit, object)
			}
		case []any: // a row of a table
			row, _ := f.list(one, kind, key)
			fit = append(fit, row)
		default:
			fit = append(fit, one)
		}
	}
	return fit[:min(len(fit), listLimit(kind, key))], len(fit) > 0
}

// text fits a text object. Slack makes no links of its own in the text, unless the rule allows it.
func (f *blockFitter) text(written map[string]any, limit int) (fit map[string]any, left bool) {
	fit = maps.Clone(written)
	shorten := notifiers.Cut
	if fit["type"] == "mrkdwn" {
		shorten = cutMrkdwn
		if _, said := fit["verbatim"]; !said {
			fit["verbatim"] = true
		}
	}
	fit["text"], left = f.cut(written["text"].(string), min(limit, f.left), shorten)
	return fit, left
}

// cut shortens a text, and reports whether it is more than white space.
func (f *blockFitter) cut(s string, limit int, shorten func(string, int) string) (string, bool) {
	s = notifiers.CleanText(s)
	if strings.TrimSpace(s) == "" {
		return "", false
	}
	if s = shorten(s, max(limit, len(notifiers.Ellipsis))); f.left > 0 {
		f.left -= notifiers.Units(s)
	}
	return s, true
}

// textLimit returns the limit of the text below a key of an object of a kind.
func textLimit(kind, key string) int {
	switch {
	case kind == "header":
		return maxHeader
	case kind == "button" || kind == "option" || key == "placeholder":
		return maxButton
	case key == "fields":
		return maxField
	case key == "alt_text" || key == "title":
		return maxAlt
	}
	return maxSection
}

// listLimit returns the limit of the items of a list below a key of an object of a kind.
func listLimit(kind, key string) int {
	switch {
	case kind == "section" && key == "fields", kind == "context" && key == "elements":
		return 10
	case kind == "actions" && key == "elements":
		return 25
	}
	return 100
}

// isWhole reports whether an object still has its required keys.
func isWhole(kind string, fit map[string]any) bool {
	has := func(key string) bool { _, there := fit[key]; return there }
	switch kind {
	case "":
		return !has("type") // some objects within a block have no type
	case "section":
		return has("text") || has("fields")
	case "header", "markdown", "button", "text":
		return has("text")
	case "context", "actions", "rich_text", "rich_text_section", "rich_text_list", "rich_text_quote",
		"rich_text_preformatted":
		return has("elements")
	case "image":
		return has("image_url") || has("slack_file")
	}
	return true
}
