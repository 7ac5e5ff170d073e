import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.Charset;
import java.util.TimeZone;

/** Answers HTTP on port 8080, or, with `resolve NAME`, resolves a name once and ends. */
public class App {
    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 1 && arguments[0].equals("resolve")) {
            System.out.println(InetAddress.getByName(arguments[1]));
            System.out.println(Charset.forName("Shift_JIS").encode("\u3042").remaining());
            System.out.println(TimeZone.getTimeZone("Europe/Paris").getDisplayName());
            return;
        }
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", exchange -> {
            byte[] body = ("hello " + InetAddress.getByName("localhost")).getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        System.out.println("ready");
    }
}
