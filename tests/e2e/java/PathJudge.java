import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.bouncycastle.jcajce.PKIXExtendedBuilderParameters;
import org.bouncycastle.jcajce.PKIXExtendedParameters;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * BouncyCastle's opinion of certification paths, one a line.
 *
 * <p>Each line of standard input has eight fields, separated by tabs: a folder with leaf.pem,
 * chain.pem, roots.pem and crls.pem; the POSIX second asked about; 1 when every certificate must be
 * on a list's good side; the purpose's OID; 1 when digitalSignature must be allowed; the tag number
 * of a GeneralName; that name; the policies, parted by commas. Each gets one line back: OK, or
 * REFUSED and why.
 */
public final class PathJudge {
    private static final String BC = BouncyCastleProvider.PROVIDER_NAME;

    private PathJudge() {}

    public static void main(String[] arguments) throws IOException {
        Security.addProvider(new BouncyCastleProvider());
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(opinion(line.split("\t", -1)));
            System.out.flush();
        }
    }

    private static String opinion(String[] fields) {
        try {
            judge(fields);
            return "OK";
        } catch (Exception refusal) {
            Throwable cause = refusal.getCause();
            return ("REFUSED " + refusal + (cause == null ? "" : " / " + cause)).replace('\n', ' ');
        }
    }

    private static void judge(String[] fields) throws Exception {
        Path folder = Path.of(fields[0]);
        List<X509Certificate> leaf = certificates(folder.resolve("leaf.pem"));
        List<X509Certificate> chain = certificates(folder.resolve("chain.pem"));
        Set<TrustAnchor> anchors =
                certificates(folder.resolve("roots.pem")).stream()
                        .map(root -> new TrustAnchor(root, null))
                        .collect(Collectors.toSet());
        PKIXBuilderParameters asked =
                new PKIXBuilderParameters(anchors, selector(leaf.get(0), fields));
        asked.setDate(new Date(Long.parseLong(fields[1]) * 1000));
        asked.setRevocationEnabled(fields[2].equals("1"));
        if (!fields[7].isEmpty()) {
            asked.setInitialPolicies(Set.of(fields[7].split(",")));
            asked.setExplicitPolicyRequired(true);
        }
        Collection<Object> material = new ArrayList<>(chain);
        material.addAll(leaf);
        material.addAll(lists(folder.resolve("crls.pem")));
        asked.addCertStore(
                CertStore.getInstance("Collection", new CollectionCertStoreParameters(material)));
        PKIXExtendedParameters extended =
                new PKIXExtendedParameters.Builder(asked).setUseDeltasEnabled(true).build();
        CertPathBuilder.getInstance("PKIX", BC)
                .build(
                        new PKIXExtendedBuilderParameters.Builder(extended)
                                .setMaxPathLength(-1)
                                .build());
    }

    private static X509CertSelector selector(X509Certificate leaf, String[] fields)
            throws Exception {
        X509CertSelector selector = new X509CertSelector();
        selector.setCertificate(leaf);
        if (!fields[3].isEmpty()) {
            selector.setExtendedKeyUsage(Set.of(fields[3]));
        }
        if (fields[4].equals("1")) {
            selector.setKeyUsage(new boolean[] {true});
        }
        if (!fields[5].isEmpty()) {
            selector.addSubjectAlternativeName(Integer.parseInt(fields[5]), fields[6]);
        }
        return selector;
    }

    private static List<X509Certificate> certificates(Path path) throws Exception {
        try (InputStream in = Files.newInputStream(path)) {
            return CertificateFactory.getInstance("X.509", BC).generateCertificates(in).stream()
                    .map(X509Certificate.class::cast)
                    .collect(Collectors.toList());
        }
    }

    private static Collection<?> lists(Path path) throws Exception {
        try (InputStream in = Files.newInputStream(path)) {
            return CertificateFactory.getInstance("X.509", BC).generateCRLs(in);
        }
    }
}
