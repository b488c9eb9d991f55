import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.bouncycastle.asn1.gm.GMObjectIdentifiers;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.DefaultCMSSignatureAlgorithmNameGenerator;
import org.bouncycastle.cms.SignerInformationVerifier;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.DefaultSignatureAlgorithmIdentifierFinder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.TSPUtil;
import org.bouncycastle.tsp.TimeStampRequest;
import org.bouncycastle.tsp.TimeStampResponse;
import org.bouncycastle.tsp.TimeStampToken;

/**
 * BouncyCastle's opinion of timestamps, one a line.
 *
 * <p>Each line of standard input names four files, separated by tabs: the TimeStampReq, the
 * TimeStampResp, the certificate of the TSA and those of the trusted roots. Each gets one line
 * back: OK, or REFUSED and why.
 */
public final class TimestampJudge {
    private static final String BC = BouncyCastleProvider.PROVIDER_NAME;

    private TimestampJudge() {}

    /** GM/T 0010 names SM2-1 where CMS names SM2-with-SM3; BouncyCastle knows only the latter. */
    private static final class Names extends DefaultCMSSignatureAlgorithmNameGenerator {
        Names() {
            setSigningEncryptionAlgorithmMapping(GMObjectIdentifiers.sm2sign, "SM2");
            setSigningDigestAlgorithmMapping(GMObjectIdentifiers.sm3, "SM3");
        }
    }

    public static void main(String[] arguments) throws IOException {
        Security.addProvider(new BouncyCastleProvider());
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(opinion(line.split("\t")));
            System.out.flush();
        }
    }

    private static String opinion(String[] paths) {
        try {
            judge(paths);
            return "OK";
        } catch (Exception refusal) {
            return ("REFUSED " + refusal).replace('\n', ' ');
        }
    }

    private static void judge(String[] paths) throws Exception {
        TimeStampRequest request = new TimeStampRequest(Files.readAllBytes(Path.of(paths[0])));
        TimeStampResponse response = new TimeStampResponse(Files.readAllBytes(Path.of(paths[1])));
        X509Certificate tsa = readCertificates(paths[2]).get(0);
        List<X509Certificate> roots = readCertificates(paths[3]);
        response.validate(request);
        TimeStampToken token = response.getTimeStampToken();
        if (token == null) {
            throw new SecurityException("no token: " + response.getStatusString());
        }
        checkCertificates(token, request.getCertReq(), tsa);
        token.validate(verifier(tsa));
        checkPath(tsa, roots, token);
    }

    private static List<X509Certificate> readCertificates(String path) throws Exception {
        try (InputStream in = new FileInputStream(path)) {
            return CertificateFactory.getInstance("X.509", BC).generateCertificates(in).stream()
                    .map(X509Certificate.class::cast)
                    .collect(Collectors.toList());
        }
    }

    /** RFC 3161 2.4.1: the TSA's certificate is in the token exactly when certReq asks for it. */
    private static void checkCertificates(TimeStampToken token, boolean asked, X509Certificate tsa)
            throws Exception {
        Collection<?> found = token.getCertificates().getMatches(null);
        Collection<?> wanted = asked ? List.of(new X509CertificateHolder(tsa.getEncoded())) : List.of();
        if (!List.copyOf(found).equals(wanted)) {
            throw new SecurityException("the certificates do not follow certReq");
        }
    }

    private static SignerInformationVerifier verifier(X509Certificate tsa) throws Exception {
        return new SignerInformationVerifier(
                new Names(),
                new DefaultSignatureAlgorithmIdentifierFinder(),
                new JcaContentVerifierProviderBuilder().setProvider(BC).build(tsa),
                new JcaDigestCalculatorProviderBuilder().setProvider(BC).build());
    }

    /** The path to a root, at genTime; the provider knows the SM2 signatures in it. */
    private static void checkPath(
            X509Certificate tsa, List<X509Certificate> roots, TimeStampToken token)
            throws Exception {
        TSPUtil.validateCertificate(new X509CertificateHolder(tsa.getEncoded()));
        CertPath path = CertificateFactory.getInstance("X.509", BC).generateCertPath(List.of(tsa));
        Set<TrustAnchor> anchors =
                roots.stream().map(root -> new TrustAnchor(root, null)).collect(Collectors.toSet());
        PKIXParameters parameters = new PKIXParameters(anchors);
        parameters.setRevocationEnabled(false);
        parameters.setDate(token.getTimeStampInfo().getGenTime());
        CertPathValidator.getInstance("PKIX", BC).validate(path, parameters);
    }
}
