// Package terminal writes to terminals: colours, tables, wrapped text, layouts, problems with their places; and says how the program ends.
package terminal
