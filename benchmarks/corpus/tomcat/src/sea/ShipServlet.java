package sea;

import jakarta.servlet.ServletException;
import jakarta.servlet.annotation.MultipartConfig;
import jakarta.servlet.annotation.WebServlet;
import jakarta.servlet.http.*;
import java.io.IOException;
import java.nio.charset.Charset;
import java.time.*;
import java.time.format.*;
import java.util.*;

@WebServlet({"/ships", "/when", "/upload", "/boom", "/zip", "/hash", "/xml", "/image"})
@MultipartConfig
public class ShipServlet extends HttpServlet {
    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws ServletException, IOException {
        response.setContentType("text/plain; charset=utf-8");
        Locale locale = Locale.forLanguageTag(Objects.requireNonNullElse(request.getParameter("l"), "en"));
        switch (request.getServletPath()) {
            case "/ships" -> {
                request.setAttribute("ships", List.of("orca", "krill"));
                request.getRequestDispatcher("/WEB-INF/views/ships.jsp").forward(request, response);
            }
            case "/when" -> {
                ZoneId zone = ZoneId.of(Objects.requireNonNullElse(request.getParameter("tz"), "UTC"));
                ZonedDateTime day = LocalDateTime.of(2026, 3, 1, 12, 0).atZone(ZoneId.of("UTC")).withZoneSameInstant(zone);
                response.getWriter().println(day.format(DateTimeFormatter.ofLocalizedDateTime(FormatStyle.FULL).withLocale(locale)));
                response.getWriter().println(ResourceBundle.getBundle("messages", locale).getString("hello"));
            }
            case "/zip" -> {
                try (var zip = new java.util.zip.ZipOutputStream(response.getOutputStream())) {
                    var entry = new java.util.zip.ZipEntry("a.txt");
                    entry.setTime(0);
                    zip.putNextEntry(entry);
                }
            }
            case "/hash" -> {
                try {
                    var digest = java.security.MessageDigest.getInstance(Objects.requireNonNullElse(request.getParameter("a"), "SHA-256"));
                    response.getWriter().println(HexFormat.of().formatHex(digest.digest("orca".getBytes())));
                    var key = java.security.KeyPairGenerator.getInstance("EC");
                    response.getWriter().println(key.generateKeyPair().getPublic().getAlgorithm());
                } catch (java.security.NoSuchAlgorithmException error) {
                    response.sendError(400, error.getMessage());
                }
            }
            case "/xml" -> {
                try {
                    var document = javax.xml.parsers.DocumentBuilderFactory.newInstance().newDocumentBuilder().newDocument();
                    document.appendChild(document.createElement("ship"));
                    javax.xml.transform.TransformerFactory.newInstance().newTransformer().transform(
                        new javax.xml.transform.dom.DOMSource(document), new javax.xml.transform.stream.StreamResult(response.getWriter()));
                } catch (Exception error) {
                    throw new ServletException(error);
                }
            }
            case "/image" -> {
                var image = new java.awt.image.BufferedImage(8, 8, java.awt.image.BufferedImage.TYPE_INT_RGB);
                var out = new java.io.ByteArrayOutputStream();
                javax.imageio.ImageIO.write(image, "png", out);
                response.getWriter().println(out.size());
            }
            default -> throw new IllegalStateException("whale");
        }
    }

    @Override
    protected void doPost(HttpServletRequest request, HttpServletResponse response) throws ServletException, IOException {
        Part part = request.getPart("file");
        String charset = Objects.requireNonNullElse(request.getParameter("c"), "utf-8");
        response.setContentType("text/plain; charset=utf-8");
        response.getWriter().println(part.getSubmittedFileName() + " " + new String(part.getInputStream().readAllBytes(), Charset.forName(charset)));
    }
}
