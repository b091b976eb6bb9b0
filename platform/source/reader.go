package source

import "errors"

// Reader decodes the pages of one portal kind, one after another. It remembers the field names of earlier pages. It is
// for one goroutine, and yield must not call it.
type Reader interface {
	// Want names fields that the caller will read. The portal's own fields are always in the rows. Fields that the reader
	// makes from a dimension's role (RolePrefix) appear only when they are wanted, because they cost time.
	Want(names ...string)
	// Rows decodes one page into its records, in the page's order, and calls yield for each. It checks the whole page: a
	// page that is not of the kind's form ends in a *PageError, after the rows before the fault have been yielded. An error
	// of yield ends the reading and is returned unchanged.
	//
	// A record that cannot be read, in a page whose structure continues after it, is a row with Bad set: an element that
	// is not an object (ErrNotObject) has no fields; a record with bytes that are not UTF-8 (ErrNotUTF8) lacks the fields
	// that contain them; a record with a name that occurs twice (ErrRepeatedName) lacks the fields of that name. Bad rows
	// count like any other.
	//
	// Row.Fields is reused for the next row: it is valid until yield returns. The raw values are parts of page; they must
	// not be changed, and are valid as long as page is.
	Rows(page []byte, yield func(Row) error) error
	// Identity returns what the page that Rows has read last states of itself. It is complete after Rows has returned nil, and
	// must be called before the page's bytes are reused.
	Identity() Identity
}

// Row is one record of a page, before any contract is applied. It is valid until yield returns.
type Row struct {
	Index  int     // 0-based position in the page
	Start  int     // byte range of the record in the page; of a cell of a JSON-stat cube, the range of its value
	End    int     //
	Fields []Value // in the source's order; no two have the same name
	Bad    error   // a *PageError with the reason why the record cannot be read; some or all of its fields are missing
}

// Value is one field of a record: its name and the raw JSON of its value.
type Value struct {
	Name string
	ID   int    // number of the name within its Reader, from 0, the same in all pages; -1 if there are too many names
	Raw  []byte // JSON text: a string with its quotes, a number, true, false, null, an object or an array
}

// Origin is the pseudo-field in which a simulator states whether a row is "recorded" (a real fact, copied) or
// "invented". Real portals never send it.
const Origin = ":@llac_origin"

// RolePrefix starts the names of the pseudo-fields by which a contract reads a dimension of a cube whose id is not known
// beforehand: by the role that the table gives it. "role:time" is the category's code, "role:time.label" its label.
const RolePrefix = "role:"

// The reasons of Row.Bad.
var (
	ErrNotObject = errors.New("a row must be an object")
	ErrNotUTF8   = errors.New("the text is not UTF-8")

	// ErrRepeatedName is wrapped by errors about an object in which a name occurs twice. JSON does not define which of the
	// values counts, and readers differ.
	ErrRepeatedName = errors.New("a name occurs twice in one object")
)

// ErrForm is wrapped by errors about a page that is JSON of another form than its kind's: a retry cannot help.
var ErrForm = errors.New("the answer has the wrong form")
