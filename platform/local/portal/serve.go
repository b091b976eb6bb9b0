package portal

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// place identifies what a request selects, for faults and the log.
type place struct {
	dataset string
	offset  int
	page    bool // a page of data, and not metadata or a count
}

// answer is a complete response before it is sent.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func newAnswer(status int, contentType string, body []byte) answer {
	return answer{status: status, header: http.Header{"Content-Type": {contentType}}, body: body}
}

// bodyLimit is the maximum size of a POST body.
const bodyLimit = 1 << 20

// handler serves a protocol: it logs requests, applies faults and writes responses.
func (p *Portal) handler(protocol protocol) http.Handler {
	mux := http.NewServeMux()
	p.control(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { p.serve(protocol, w, r) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(SystemHeader, SystemName) // Invariant 11: every response has it, errors included.
		w.Header().Set(RateLimitHeader, strconv.Itoa(p.options.RateLimit))
		mux.ServeHTTP(w, r)
	})
}

func (p *Portal) serve(protocol protocol, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		http.Error(w, "the request's body could not be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	form, err := protocol.parse(r, body)
	if err != nil {
		http.Error(w, "the request's parameters could not be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	at := protocol.locate(r, form)
	entry := loggable(protocol.kind, r, body, at, p.options.Clock.Now())
	faults := p.strike(protocol.kind, at, unescaped(r))
	for _, f := range faults {
		entry.Faults = append(entry.Faults, f.Kind)
	}
	// Logged before the response is sent, so that a client that has the response finds its request in the log.
	logged := false
	record := func(status int) {
		if !logged {
			logged = true
			entry.Status = status
			p.record(entry)
		}
	}
	defer func() { record(0) }()

	delay := p.options.PageDelay
	if !at.page {
		delay = 0
	}
	var wire FaultKind
	for _, f := range faults {
		switch f.Kind {
		case Slow:
			delay += f.Delay
		case Republished:
			change := f.Change
			if change == "" {
				change = ChangeNothing
			}
			if err := p.RepublishAs(at.dataset, change, f.Field); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		case TruncatedChunked, TruncatedLength, Malformed, NotUTF8, ObjectPage, Reset:
			wire = f.Kind
		}
	}
	if delay > 0 {
		if err := p.options.Clock.Sleep(r.Context(), delay); err != nil {
			return // the client has disconnected
		}
	}
	if wire == Reset {
		record(0)
		reset(w)
		return
	}

	out, failed := refusal(protocol, faults)
	if !failed {
		instead, form := protocol.substitute(r, form, faults)
		out = protocol.respond(p, instead, form, faults)
	}
	out.body = garble(wire, out.body)
	record(out.status)
	write(w, r, out, wire)
}

// refusal returns the response of the first fault that replaces the page by a status.
func refusal(protocol protocol, faults []Fault) (answer, bool) {
	for _, f := range faults {
		switch f.Kind {
		case Status:
			status := f.Status
			if status == 0 {
				status = http.StatusServiceUnavailable
			}
			out := protocol.refuse(status)
			if f.RetryAfter != "" {
				out.header.Set("Retry-After", f.RetryAfter)
			}
			return out, true
		case ClassError:
			if protocol.classError == nil {
				return protocol.refuse(http.StatusInternalServerError), true
			}
			return protocol.classError(f.ErrorID), true
		}
	}
	return answer{}, false
}

// unescaped returns the request's path and query without escapes: "/resource/x.json?$offset=1000".
func unescaped(r *http.Request) string {
	query, err := url.QueryUnescape(r.URL.RawQuery)
	if err != nil {
		query = r.URL.RawQuery
	}
	return r.URL.Path + "?" + query
}

// garble damages a complete body.
func garble(kind FaultKind, body []byte) []byte {
	switch kind {
	case Malformed:
		middle := len(body) / 2
		return bytes.Join([][]byte{body[:middle], []byte(`"}}]{,:`), body[middle:]}, nil)
	case NotUTF8:
		// In the first text after a colon: the JSON stays well-formed for a reader that does not check UTF-8.
		if at := bytes.Index(body, []byte(`:"`)); at >= 0 {
			return bytes.Join([][]byte{body[:at+2], {0xff, 0xfe}, body[at+2:]}, nil)
		}
		return append(bytes.Clone(body), 0xff)
	case ObjectPage:
		if len(body) > 0 && body[0] == '[' {
			return fmt.Appendf(nil, `{"rows":%s}`+"\n", bytes.TrimSpace(body))
		}
		return fmt.Appendf(nil, "[%s]\n", bytes.TrimSpace(body))
	}
	return body
}

var compressors = sync.Pool{New: func() any {
	c, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		return gzip.NewWriter(io.Discard) // not reached: the level is valid
	}
	return c
}}

func compress(body []byte) ([]byte, error) {
	compressor, ok := compressors.Get().(*gzip.Writer)
	if !ok {
		return nil, errors.New("no gzip writer")
	}
	defer compressors.Put(compressor)
	var out bytes.Buffer
	compressor.Reset(&out)
	if _, err := compressor.Write(body); err != nil {
		return nil, err
	}
	if err := compressor.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// acceptsGzip reports whether the client accepts gzip. "gzip;q=0" does not.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" {
			return strings.ReplaceAll(weight, " ", "") != "q=0"
		}
	}
	return false
}

// write sends a response, truncated if a fault requires it.
func write(w http.ResponseWriter, r *http.Request, out answer, wire FaultKind) {
	header := w.Header()
	for name, values := range out.header {
		header[name] = values
	}
	header.Add("Vary", "Accept-Encoding")
	body := out.body
	if acceptsGzip(r) && len(body) > 0 && out.status == http.StatusOK {
		if packed, err := compress(body); err == nil {
			body = packed
			header.Set("Content-Encoding", "gzip")
		}
	}
	if r.Method == http.MethodHead {
		body = nil
	}
	switch wire {
	case TruncatedChunked:
		w.WriteHeader(out.status)
		_, _ = w.Write(body[:len(body)/2]) // the connection is broken next, on purpose
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // net/http's way to end a response without its last chunk; it is not logged
	case TruncatedLength:
		header.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(out.status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	if out.status != http.StatusNotModified {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(body) // an error means that the client has disconnected
}

// reset closes the connection with a TCP reset and without a response.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 or a recorder: net/http ends the stream
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST
	}
	_ = connection.Close()
}

// htmlError returns the error page of the web server that fronts a portal.
func htmlError(status int) answer {
	text := http.StatusText(status)
	return newAnswer(status, "text/html", fmt.Appendf(nil,
		"<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center>"+
			"<h1>%d %s</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
		status, text, status, text))
}
