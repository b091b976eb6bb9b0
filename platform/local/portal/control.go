package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// control adds the simulator's own paths, for tests in another process:
//
//	GET, POST, DELETE /_llac/faults     the faults in force; replace them by a JSON array; remove them
//	POST /_llac/republish               {"dataset", "change", "field"}: see RepublishAs
//	GET, DELETE /_llac/requests         the log; empty it
//
// A POST must have the content type application/json: a web page cannot send that to another host without asking.
func (p *Portal) control(mux *http.ServeMux) {
	mux.HandleFunc("GET /_llac/faults", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		faults := make([]Fault, len(p.faults))
		for i, f := range p.faults {
			faults[i] = f.Fault
		}
		p.mu.Unlock()
		reply(w, http.StatusOK, faults)
	})
	mux.HandleFunc("POST /_llac/faults", func(w http.ResponseWriter, r *http.Request) {
		var faults []Fault
		if decode(w, r, &faults) {
			finish(w, p.SetFaults(faults...))
		}
	})
	mux.HandleFunc("DELETE /_llac/faults", func(w http.ResponseWriter, _ *http.Request) {
		finish(w, p.SetFaults())
	})
	mux.HandleFunc("POST /_llac/republish", func(w http.ResponseWriter, r *http.Request) {
		order := struct {
			Dataset string `json:"dataset"`
			Change  string `json:"change"`
			Field   string `json:"field"`
		}{Change: ChangeNothing}
		if decode(w, r, &order) {
			finish(w, p.RepublishAs(order.Dataset, order.Change, order.Field))
		}
	})
	mux.HandleFunc("GET /_llac/requests", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, p.Requests())
	})
	mux.HandleFunc("DELETE /_llac/requests", func(w http.ResponseWriter, _ *http.Request) {
		p.ForgetRequests()
		finish(w, nil)
	})
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		finish(w, errors.New("send Content-Type: application/json"))
		return false
	}
	decoder := json.NewDecoder(io.LimitReader(r.Body, bodyLimit))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		finish(w, fmt.Errorf("read the request: %w", err))
		return false
	}
	return true
}

func finish(w http.ResponseWriter, err error) {
	if err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	reply(w, http.StatusOK, map[string]bool{"ok": true})
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(jsonBytes(value), '\n')) // an error means that the client has disconnected
}
