// Package fault describes an error that ends an operation: its kind, its cause and what a person can do next.
//
// The kinds are those that a caller treats differently: cmd/llac gives each an exit status of its own.
package fault

// Kind classifies an error by what a caller does about it.
type Kind string

// The kinds. An error of another type than Error is of kind Failed.
const (
	Failed      Kind = "error"         // none of the other kinds
	Usage       Kind = "usage"         // the request is wrong: repeating it cannot succeed
	Contract    Kind = "contract"      // a dataset contract is invalid
	NotFound    Kind = "not found"     // what the request names does not exist
	Exists      Kind = "exists"        // the output exists already
	Timeout     Kind = "timeout"       // the work was not finished in time
	Interrupted Kind = "interrupted"   // the caller stopped the work
	Unpublished Kind = "not published" // a dataset failed or was rejected
	Unsupported Kind = "not supported" // this place cannot do what was asked
)

// Error is an error with what a person can do about it.
type Error struct {
	Kind Kind
	Err  error
	Fix  string // what to do next; empty: nothing in particular
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// New returns an *Error.
func New(kind Kind, err error, fix string) error { return &Error{Kind: kind, Err: err, Fix: fix} }
