// Package markup turns Markdown into lines and writes them for channels.
package markup
