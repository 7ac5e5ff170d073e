package main

import (
	"crypto/x509"
	"fmt"
	"html/template"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"time"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		name := strings.Trim(r.URL.Path, "/")
		if name == "" {
			name = "index"
		}
		page, err := template.ParseFiles("/srv/templates/base.html", "/srv/templates/"+name+".html")
		if err != nil {
			page = template.Must(template.ParseFiles("/srv/templates/base.html", "/srv/templates/lost.html"))
			w.WriteHeader(404)
		}
		page.Execute(w, []string{"orca", "beluga"})
	})
	http.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir("/srv/static"))))
	http.HandleFunc("/when", func(w http.ResponseWriter, r *http.Request) {
		zone, err := time.LoadLocation(r.URL.Query().Get("tz"))
		fmt.Fprint(w, err)
		if err == nil {
			fmt.Fprint(w, time.Unix(0, 0).In(zone).Format("15:04 MST"))
		}
	})
	http.HandleFunc("/data", func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile("/etc/whales/whales.json")
		fmt.Fprint(w, string(text), err)
	})
	http.HandleFunc("/user", func(w http.ResponseWriter, r *http.Request) {
		who, err := user.Lookup("www-data")
		fmt.Fprint(w, who, err)
	})
	http.HandleFunc("/resolve", func(w http.ResponseWriter, r *http.Request) {
		addresses, err := net.LookupHost("localhost")
		fmt.Fprint(w, addresses, err)
	})
	http.HandleFunc("/roots", func(w http.ResponseWriter, r *http.Request) {
		pool, err := x509.SystemCertPool()
		fmt.Fprint(w, len(pool.Subjects()), err)
	})
	http.HandleFunc("/graph", func(w http.ResponseWriter, r *http.Request) {
		dot := exec.Command("dot", "-Tplain")
		dot.Stdin = strings.NewReader("digraph { orca -> krill }")
		out, err := dot.Output()
		fmt.Fprint(w, string(out), err)
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
