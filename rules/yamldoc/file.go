package yamldoc

// File is the text of one rules file.
type File struct {
	Name string // as the user wrote it, for messages
	Data []byte
}
